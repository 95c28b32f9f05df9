"""The dialogue engine behind one narrow door: the only package that imports Rasa."""
