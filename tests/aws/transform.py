"""Writes template.yaml as CloudFormation sees it after the SAM transform: JSON, without a call to AWS, and always the same.

Usage: transform.py TEMPLATE OUTPUT. Parameters stay references; nothing of an account is needed.
"""

import json
import os
import pathlib
import sys

# The translator asks botocore for its partition.
os.environ.setdefault("AWS_DEFAULT_REGION", "eu-central-1")

from samcli.yamlhelper import yaml_parse
from samtranslator.model.exceptions import InvalidDocumentException
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

# `sam package` puts the address of the uploaded code here.
UPLOADED = "s3://bucket/key"


def transform(text):
    # The copy through JSON separates shared YAML aliases: the translator changes its input.
    template = json.loads(json.dumps(yaml_parse(text)))
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = UPLOADED
    # The template names no managed policies, so none are looked up.
    translator = Translator({}, Parser())
    transformed = translator.translate(sam_template=template, parameter_values={})
    pass_reasons_on(transformed["Resources"])
    return transformed


def pass_reasons_on(resources):
    """Copies the API's metadata for checkov to its stage: the translator drops it there."""
    for stage in resources.values():
        if stage["Type"] == "AWS::ApiGateway::Stage":
            stage["Metadata"] = resources[stage["Properties"]["RestApiId"]["Ref"]].get("Metadata", {})


def main():
    source, target = (pathlib.Path(argument) for argument in sys.argv[1:3])
    try:
        transformed = transform(source.read_text())
    except InvalidDocumentException as refused:
        sys.exit("\n".join(cause.message for cause in refused.causes))
    target.write_text(json.dumps(transformed, indent=1) + "\n")


main()
