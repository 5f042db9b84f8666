"""Deploys the transformed template to ministack, as `sam deploy` does to AWS.

    python infra/stack/deploy.py --engine PORT --ledger PORT --door PORT --template FILE --code FOLDER --stack NAME \
        [Name=Value ...]

The template is what transform.py says; FOLDER has what cargo-lambda built (nightjar-<function>/bootstrap). What follows
are the stack's parameters, over those of parameters.json. A stack of that name that exists already is updated. Says the stack's outputs as JSON.

Two things are done here that AWS does by itself: ministack makes no routes of an HTTP API's OpenAPI document, so they are
made from it; and each function is told its name and where the ledger is, so that its calls can be told from others'.
"""

import argparse
import io
import json
import pathlib
import sys
import time
import urllib.request
import zipfile

import boto3
from botocore.config import Config

ACCOUNT = "000000000000"
REGION = "us-east-1"
BUCKET = "code"
HERE = pathlib.Path(__file__).resolve().parent
METHODS = ("get", "post", "put", "patch", "delete", "options", "head")
SECONDS = 120


def client(service, engine):
    return boto3.client(
        service,
        region_name=REGION,
        endpoint_url=f"http://127.0.0.1:{engine}",
        aws_access_key_id=ACCOUNT,
        aws_secret_access_key="test",
        config=Config(retries={"max_attempts": 2}),
    )


def zipped(bootstrap):
    """The one file that a function of a custom runtime is."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        entry = zipfile.ZipInfo("bootstrap")
        entry.external_attr = 0o755 << 16
        archive.writestr(entry, bootstrap.read_bytes(), zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def functions(template):
    found = template["Resources"].items()
    return [resource for _, resource in found if resource["Type"] == "AWS::Lambda::Function"]


def upload(s3, template, code):
    s3.create_bucket(Bucket=BUCKET)
    for function in functions(template):
        key = function["Properties"]["Code"]["S3Key"]
        name = pathlib.PurePath(key).stem
        s3.put_object(Bucket=BUCKET, Key=key, Body=zipped(code / f"nightjar-{name}" / "bootstrap"))
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::CloudFormation::Stack":
            nested = resource["Properties"]["TemplateURL"]
            s3.put_object(Bucket=BUCKET, Key=nested, Body=(HERE.parent.parent / nested).read_bytes())


def adapted(template, engine, ledger):
    """The ledger and the name for each function, and where the nested pieces were put."""
    for function in functions(template):
        properties = function["Properties"]
        name = pathlib.PurePath(properties["Code"]["S3Key"]).stem
        variables = properties.setdefault("Environment", {}).setdefault("Variables", {})
        variables.update(AWS_ENDPOINT_URL=f"http://127.0.0.1:{ledger}", AWS_SDK_UA_APP_ID=name)
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::CloudFormation::Stack":
            nested = resource["Properties"]["TemplateURL"]
            resource["Properties"]["TemplateURL"] = f"http://127.0.0.1:{engine}/{BUCKET}/{nested}"
    return template


def deploy(cloud, name, template, parameters):
    exists = any(stack["StackName"] == name for stack in cloud.describe_stacks()["Stacks"])
    asked = dict(
        StackName=name,
        TemplateBody=json.dumps(template),
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
    )
    (cloud.update_stack if exists else cloud.create_stack)(**asked)
    for _ in range(SECONDS * 4):
        stack = cloud.describe_stacks(StackName=name)["Stacks"][0]
        status = stack["StackStatus"]
        if not status.endswith("_IN_PROGRESS"):
            break
        time.sleep(0.25)
    if status not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
        events = cloud.describe_stack_events(StackName=name)["StackEvents"]
        failed = [f"{one['LogicalResourceId']}: {one.get('ResourceStatusReason')}"
                  for one in events if one["ResourceStatus"].endswith("FAILED")]
        sys.exit(f"the stack is {status}:\n" + "\n".join(failed))
    return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}


def function_of(uri):
    """The logical id of the function that an integration's URI leads to."""
    text = json.dumps(uri)
    return text.split("${", 3)[-1].split("}")[0].split(".")[0]


def lead(gateway, cloud, stack, template):
    """The routes, as the API's document says."""
    apis = [one for one in template["Resources"].items() if one[1]["Type"] == "AWS::ApiGatewayV2::Api"]
    [(logical, api)] = apis
    resources = {one["LogicalResourceId"]: one["PhysicalResourceId"]
                 for one in cloud.describe_stack_resources(StackName=stack)["StackResources"]}
    api_id = resources[logical]
    known = {route["RouteKey"] for page in pages(gateway.get_routes, ApiId=api_id) for route in page}
    targets = {}
    for path, operations in api["Properties"]["Body"]["paths"].items():
        for method in (one for one in METHODS if one in operations):
            integration = operations[method]["x-amazon-apigateway-integration"]
            key = f"{method.upper()} {path}"
            if key in known:
                continue
            function = function_of(integration["uri"])
            if function not in targets:
                made = gateway.create_integration(
                    ApiId=api_id,
                    IntegrationType="AWS_PROXY",
                    IntegrationUri=f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{resources[function]}",
                    PayloadFormatVersion=integration["payloadFormatVersion"],
                )
                targets[function] = f"integrations/{made['IntegrationId']}"
            gateway.create_route(ApiId=api_id, RouteKey=key, Target=targets[function])
    return api_id


def pages(ask, **said):
    token = {}
    while True:
        page = ask(**said, **token)
        yield page["Items"]
        if not page.get("NextToken"):
            return
        token = {"NextToken": page["NextToken"]}


def main():
    said = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("engine", "ledger", "door"):
        said.add_argument(f"--{name}", type=int, required=True)
    said.add_argument("--template", type=pathlib.Path, required=True)
    said.add_argument("--code", type=pathlib.Path, required=True)
    said.add_argument("--stack", required=True)
    said.add_argument("parameters", nargs="*", metavar="Name=Value")
    asked = said.parse_args()
    template = json.loads(asked.template.read_text(encoding="utf-8"))
    upload(client("s3", asked.engine), template, asked.code)
    template = adapted(template, asked.engine, asked.ledger)
    cloud = client("cloudformation", asked.engine)
    parameters = json.loads((HERE / "parameters.json").read_text(encoding="utf-8"))
    parameters.update(one.split("=", 1) for one in asked.parameters)
    outputs = deploy(cloud, asked.stack, template, parameters)
    api = lead(client("apigatewayv2", asked.engine), cloud, asked.stack, template)
    door = urllib.request.Request(
        f"http://127.0.0.1:{asked.door}/-/api",
        data=f"{api}.execute-api.localhost:{asked.engine}".encode(),
        method="PUT",
    )
    urllib.request.urlopen(door).close()
    json.dump({"api": api, "outputs": outputs}, sys.stdout)


if __name__ == "__main__":
    main()
