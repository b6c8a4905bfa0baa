"""The READMEs and the site, made from the notebooks: `python -m tools.site`."""
