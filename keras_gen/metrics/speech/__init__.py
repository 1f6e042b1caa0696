"""Quality of enhanced speech, compared with clean recordings."""
