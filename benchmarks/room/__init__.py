"""The assistant in a simulated room: does it hear itself, and does it yield to people only?"""
