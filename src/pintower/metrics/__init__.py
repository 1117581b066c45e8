"""Measures of relevance: ranking, classification, their confidence intervals, model comparison."""
