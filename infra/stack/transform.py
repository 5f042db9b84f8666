"""template.yaml as CloudFormation gets it: the AWS SAM translator's answer, as JSON.

    python infra/stack/transform.py [--template FILE] [Name=Value ...]

What follows takes the place of parameters' defaults. Nothing is asked of AWS: it needs no account and no network. Each
function's code becomes an object of a bucket named `code`, as if `sam package` had put it there: what `CodeUri` names,
such as `functions/auth`, is `s3://code/functions/auth.zip`.
"""

import argparse
import json
import logging
import os
import pathlib
import sys

from boto3.session import Session
from samcli.yamlhelper import yaml_parse
from samtranslator.parser.parser import Parser
from samtranslator.public.exceptions import InvalidDocumentException
from samtranslator.translator.translator import Translator

REGION = "us-east-1"
HERE = pathlib.Path(__file__).resolve().parent
CODE = "s3://code"


def overridden(template, overrides):
    """Puts what was given in the place of defaults; a name that the template does not know is refused."""
    parameters = template.get("Parameters", {})
    for override in overrides:
        name, equals, value = override.partition("=")
        if not equals or name not in parameters:
            raise ValueError(f"{override}: the template has no such parameter; write Name=Value")
        parameters[name]["Default"] = value


def packaged(template):
    """Leads to where `sam package` would have put the code, for the translator refuses folders."""
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            properties = resource["Properties"]
            properties["CodeUri"] = f"{CODE}/{properties['CodeUri']}.zip"


def transformed(text, overrides=()):
    """What CloudFormation makes of this template."""
    # Through JSON and back: the translator changes what it reads, and anchors are one object in several places.
    template = json.loads(json.dumps(yaml_parse(text)))
    overridden(template, overrides)
    packaged(template)
    # The template names no managed policy, so IAM need not be asked what there is.
    translator = Translator({}, Parser(), boto_session=Session(region_name=REGION))
    return translator.translate(template, parameter_values={})


def main():
    said = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    said.add_argument("--template", type=pathlib.Path, default=HERE.parent.parent / "template.yaml")
    said.add_argument("overrides", nargs="*", metavar="Name=Value")
    asked = said.parse_args()
    # Whatever account the caller's environment is about, this is about none.
    os.environ.update(AWS_DEFAULT_REGION=REGION, AWS_EC2_METADATA_DISABLED="true")
    # The translator complains about switches of its own that only AWS can set.
    logging.disable(logging.ERROR)
    try:
        template = transformed(asked.template.read_text(encoding="utf-8"), asked.overrides)
    except InvalidDocumentException as error:
        sys.exit("\n".join(cause.message for cause in error.causes))
    except ValueError as error:
        sys.exit(str(error))
    json.dump(template, sys.stdout, indent=2)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
