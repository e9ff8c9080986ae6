"""Recordings: any file to mono float32 at 16 kHz, the speech in it, and chunks of that speech."""
