"""Make the READMEs and the site: `python -m tools.site` in a clone."""

import shutil
import sys

from tools.site.build import build_site
from tools.site.readmes import write_readmes
from tools.site.repository import SiteError, repository


def main() -> None:
    """Make the READMEs and the site of the clone that the current folder is in."""
    try:
        root = repository()
        write_readmes(root)
        site = build_site(root, shutil.which("quarto"))
    except SiteError as error:
        sys.exit(str(error))
    print(f"{site}\nlook at it with: python3 -m http.server --directory {site}")


if __name__ == "__main__":
    main()
