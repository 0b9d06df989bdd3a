"""What this distribution offers, by kind. Importable without torch."""
