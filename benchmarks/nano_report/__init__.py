"""The page about nano: its pictures and tables, made from recorded figures."""
