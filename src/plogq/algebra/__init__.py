"""The mathematics on plain data, in any framework's verbs: measures, scores, formula, slopes."""
