"""What people read, in every language: tables of words, reports, countries, and the translation of sentences."""
