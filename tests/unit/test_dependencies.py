"What is installed asks for no more than to be named"

import json
import re
import subprocess
import sys

ALLOWED = {
    "libfaketime",  # preloaded into processes of the fault suite, never linked or shipped
    "text-unidecode",  # of dbt; it may be used under the Artistic License instead of the GPL
}


def test_licences():
    told = json.loads(
        subprocess.run(
            [sys.executable, "-m", "piplicenses", "--format=json", "--from=mixed"],
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        ).stdout
    )
    assert len(told) > 50
    asks_more = re.compile(r"\bA?GPL|Affero|GNU General Public|Commercial|Proprietary", re.I)
    strict = {
        p["Name"].lower(): p["License"]
        for p in told
        if asks_more.search(re.sub(r"LGPL|Lesser General|Library or Lesser", "", p["License"]))
    }
    assert set(strict) <= ALLOWED, strict
