"""Live captions over a WebSocket, in the events of OpenAI's Realtime API for transcription."""
