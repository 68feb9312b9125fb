"""The audio decoder's settings in a released Ming checkpoint: YAML files with class tags."""

from __future__ import annotations

from pathlib import Path

from . import tiny_ming_tensors as sizes

CHUNK = 10  # codes that see each other; 50 in the released model

ENCODER = """\
    encoder: !new:audio_detokenizer.transformer.encoder.{name}
        output_size: {dim}
        attention_heads: {heads}
        linear_units: 48
        num_blocks: 1
        dropout_rate: 0.1
        positional_dropout_rate: 0.1
        attention_dropout_rate: 0.1
        normalize_before: True
        input_layer: linear
        pos_enc_layer_type: rel_pos_espnet
        selfattention_layer_type: rel_selfattn
        input_size: {dim}
        use_cnn_module: False
        macaron_style: False
"""
DECODER = """\
    decoder: !new:audio_detokenizer.flow.flow_matching.{name}
        in_channels: 240
        n_spks: 1
        spk_emb_dim: 80
        cfm_params: !new:omegaconf.DictConfig
            content:
                sigma_min: 1e-06
                solver: euler
                t_scheduler: cosine
                training_cfg_rate: 0.2
                inference_cfg_rate: 0.7
                reg_loss_type: l1
        estimator: !new:audio_detokenizer.flow.decoder.{estimator}
            in_channels: 320
            out_channels: 80
            channels: {channels}
            dropout: 0.0
            attention_head_dim: {head_dim}
            n_blocks: 1
            num_mid_blocks: 1
            num_heads: {heads}
            act_fn: gelu
"""
VOCODER = """\
hift: !new:audio_detokenizer.hifigan.generator.HiFTGenerator
    in_channels: 80
    base_channels: 32
    nb_harmonics: 8
    sampling_rate: !ref <sample_rate>
    nsf_alpha: 0.1
    nsf_sigma: 0.003
    nsf_voiced_threshold: 10
    upsample_rates: {strides}
    upsample_kernel_sizes: {kernels}
    istft_params:
        n_fft: 16
        hop_len: 4
    resblock_kernel_sizes: [3, 7, 11]
    resblock_dilation_sizes: [[1, 3, 5], [1, 3, 5], [1, 3, 5]]
    source_resblock_kernel_sizes: {source_kernels}
    source_resblock_dilation_sizes: {source_dilations}
    lrelu_slope: 0.1
    audio_limit: 0.99
    f0_predictor: !new:audio_detokenizer.hifigan.f0_predictor.ConvRNNF0Predictor
        num_class: 1
        in_channels: 80
        cond_channels: 16
"""
MEL = """\
feat_extractor: !name:matcha.utils.audio.mel_spectrogram
    n_fft: {n_fft}
    num_mels: 80
    sampling_rate: !ref <sample_rate>
    hop_size: {hop}
    win_size: {n_fft}
    fmin: 0
    fmax: 8000
    center: False
"""


def write_settings(path: Path, streaming: bool) -> None:
    """`audio_detokenizer_stream.yaml` of v1.5, or `audio_detokenizer.yaml`."""
    hift = sizes.HIFT_V2 if streaming else sizes.HIFT_V1
    encoder = "UpsampleConformerEncoderNewMel" if streaming else "ConformerEncoder"
    head_dim = sizes.FLOW_DIM // sizes.FLOW_HEADS
    path.write_text(
        _flow(streaming)
        + ENCODER.format(name=encoder, dim=sizes.FLOW_DIM, heads=sizes.FLOW_HEADS)
        + (f"        static_chunk_size: {CHUNK}\n" if streaming else _REGULATOR)
        + DECODER.format(
            name="CausalConditionalCFM" if streaming else "ConditionalCFM",
            estimator="CausalConditionalDecoder" if streaming else "ConditionalDecoder",
            channels=[sizes.FLOW_DIM] * (1 if streaming else 2),
            head_dim=head_dim,
            heads=sizes.FLOW_HEADS,
        )
        + (_CHUNKS if streaming else "")
        + "\n"
        + VOCODER.format(
            strides=list(hift.strides),
            kernels=list(hift.kernels),
            source_kernels=list(hift.source_kernels),
            source_dilations=[[1, 3, 5] for _ in hift.strides],
        )
        + "\n"
        + MEL.format(n_fft=1920 if streaming else 1024, hop=480 if streaming else 256),
        encoding="utf-8",
    )


_REGULATOR = """\
    length_regulator: !new:audio_detokenizer.flow.length_regulator.InterpolateRegulator
        channels: 80
        sampling_ratios: [1, 1, 1, 1]
"""
_CHUNKS = f"""\
            static_chunk_size: {CHUNK}
            num_decoding_left_chunks: -1
"""


def _flow(streaming: bool) -> str:
    """The head of the file: rates, and the flow model's own settings."""
    name = "CausalMaskedDiffWithXvec" if streaming else "MaskedDiffWithXvec"
    lines = [
        f"sample_rate: {24000 if streaming else 22050}",
        f"spk_embed_dim: {sizes.SPEAKER_DIM}",
        *([f"token_hop_len: {CHUNK}"] if streaming else []),
        "",
        f"flow: !new:audio_detokenizer.flow.flow.{name}",
        f"    input_size: {sizes.FLOW_DIM}",
        "    output_size: 80",
        "    spk_embed_dim: !ref <spk_embed_dim>",
        "    output_type: mel",
        f"    vocab_size: {sizes.N_CODES}",
        "    input_frame_rate: 50",
        "    only_mask_loss: True",
        *(["    token_mel_ratio: 1", "    pre_lookahead_len: 3"] if streaming else []),
    ]
    return "\n".join(lines) + "\n"
