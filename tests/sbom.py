"""Writes a software bill of materials in CycloneDX 1.6: the crates that a package is built from.

    tests/sbom.py PACKAGE...
    tests/sbom.py --check FILE

Prints one JSON document for all PACKAGES of the workspace. It lists what their default features
link on this platform, including macros and build scripts, and nothing that is only in Cargo.lock.
The output depends on nothing but the sources: no date, no path of this machine. `--check` compares
a file with the schema of CycloneDX.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
OURS = "dataclay-metrics"


def crates(package: str) -> list[tuple[int, str, str, str]]:
    """Returns the crates of a package: depth in its tree, name, version, licence."""
    command = ["cargo", "tree", "--locked", "--package", package, "--edges", "normal,build"]
    command += ["--prefix", "depth", "--no-dedupe", "--format", " {p} | {l}"]
    tree = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    lines = re.findall(r"(?m)^(\d+) (\S+) v(\S+).*? \| (.*)$", tree)
    return [(int(depth), name, version, licence) for depth, name, version, licence in lines]


def checksums() -> dict[tuple[str, str], str]:
    """Returns the SHA-256 of each crate from a registry, from Cargo.lock."""
    lock = (ROOT / "Cargo.lock").read_text()
    entry = r'name = "(.+)"\nversion = "(.+)"\nsource = ".*"\nchecksum = "(.+)"'
    return {(name, version): digest for name, version, digest in re.findall(entry, lock)}


def document(packages: list[str]) -> dict[str, object]:
    """Returns the document: each crate once, and which crates it uses."""
    digests = checksums()
    components: dict[str, dict[str, object]] = {}
    uses: dict[str, set[str]] = {}
    for package in packages:
        above: list[str] = []
        for depth, name, version, licence in crates(package):
            reference = f"pkg:cargo/{name}@{version}"
            components[reference] = {
                "type": "library",
                "bom-ref": reference,
                "name": name,
                "version": version,
                "licenses": [{"expression": " ".join(licence.replace("/", " OR ").split())}],
                "purl": reference,
            }
            if digest := digests.get((name, version)):
                components[reference]["hashes"] = [{"alg": "SHA-256", "content": digest}]
            uses.setdefault(reference, set())
            del above[depth:]
            if above:
                uses[above[-1]].add(reference)
            above.append(reference)
    (version,) = {str(c["version"]) for c in components.values() if OURS in str(c["name"])}
    roots = [ref for ref in sorted(components) if any(f"/{p}@" in ref for p in packages)]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {"type": "library", "bom-ref": OURS, "name": OURS, "version": version}
        },
        "components": [components[reference] for reference in sorted(components)],
        "dependencies": [{"ref": OURS, "dependsOn": roots}]
        + [{"ref": ref, "dependsOn": sorted(uses[ref])} for ref in sorted(uses)],
    }


def check(file: Path) -> int:
    """Prints where the file breaks the schema; returns 1 if it does."""
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(file.read_text())
    print(f"{file}: {error or 'valid CycloneDX 1.6'}")
    return int(error is not None)


if __name__ == "__main__":
    if sys.argv[1] == "--check":
        sys.exit(check(Path(sys.argv[2])))
    print(json.dumps(document(sys.argv[1:]), indent=2))
