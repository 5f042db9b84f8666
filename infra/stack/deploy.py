"""Deploys the transformed template to ministack, as `sam deploy` does to AWS.

    python infra/stack/deploy.py --engine PORT --ledger PORT --door PORT --transform PYTHON --code FOLDER --stack NAME \
        [Name=Value ...]

PYTHON runs transform.py, which needs other packages; FOLDER has what cargo-lambda built (nightjar-<function>/bootstrap). What follows
are the stack's parameters, over those of parameters.json. A stack of that name that exists already is updated. Says the stack's outputs as JSON.

What differs from a deployment to AWS: ministack makes no routes of an HTTP API's OpenAPI document, so they are made from
it here; it has no CodeDeploy and no alarms on several metrics, so an alias moves to a new version at once and
infra/observability.yaml is left out; and each function is told where the ledger is, below a path of its own, so that its
calls can be told from others'.
"""

import argparse
import io
import json
import pathlib
import subprocess
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
# Deployments step by step, and the stack of dashboard and alarms, for its alarms count with several metrics.
NOT_THERE = ("AWS::CodeDeploy::", "AWS::CloudFormation::Stack")


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
    with zipfile.ZipFile(packed, "w") as archive:
        entry = zipfile.ZipInfo("bootstrap")
        entry.external_attr = 0o755 << 16
        archive.writestr(entry, bootstrap.read_bytes())
    return packed.getvalue()


def transformed(python, parameters):
    """The template as CloudFormation gets it."""
    values = [f"{name}={value}" for name, value in parameters.items()]
    said = subprocess.run([python, HERE / "transform.py", *values], check=True, stdout=subprocess.PIPE)
    return json.loads(said.stdout)


def functions(template):
    found = template["Resources"].items()
    return [resource for _, resource in found if resource["Type"] == "AWS::Lambda::Function"]


def upload(s3, template, code):
    s3.create_bucket(Bucket=BUCKET)
    for function in functions(template):
        key = function["Properties"]["Code"]["S3Key"]
        name = pathlib.PurePath(key).stem
        s3.put_object(Bucket=BUCKET, Key=key, Body=zipped(code / f"nightjar-{name}" / "bootstrap"))


def adapted(template, ledger):
    """The ledger for each function; without what ministack does not have."""
    resources = template["Resources"]
    for name in [name for name, one in resources.items() if one["Type"].startswith(NOT_THERE)]:
        del resources[name]
    for resource in resources.values():
        resource.pop("UpdatePolicy", None)
        if resource["Type"] == "AWS::Lambda::EventSourceMapping":
            scaling = resource["Properties"].get("ScalingConfig")
            # It takes a parameter for a text, and does not compare it with numbers.
            if scaling:
                scaling["MaximumConcurrency"] = template["Parameters"][scaling["MaximumConcurrency"]["Ref"]]["Default"]
    for function in functions(template):
        properties = function["Properties"]
        name = pathlib.PurePath(properties["Code"]["S3Key"]).stem
        variables = properties.setdefault("Environment", {}).setdefault("Variables", {})
        variables.update(AWS_ENDPOINT_URL=f"http://127.0.0.1:{ledger}/-/{name}")
    return template


def deploy(cloud, s3, engine, name, template, parameters):
    # From a bucket, as `sam deploy` does: it is too large to go along with the call.
    s3.put_object(Bucket=BUCKET, Key="template.json", Body=json.dumps(template).encode())
    exists = any(stack["StackName"] == name for stack in cloud.describe_stacks()["Stacks"])
    asked = dict(
        StackName=name,
        TemplateURL=f"http://127.0.0.1:{engine}/{BUCKET}/template.json",
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


def verify(ses, address):
    """Whom mail comes from has to be known before, there as in AWS."""
    known = {one["IdentityName"] for one in ses.list_email_identities()["EmailIdentities"]}
    if address not in known:
        ses.create_email_identity(EmailIdentity=address)


def alias_of(uri):
    """The logical id of the alias that an integration's URI leads to."""
    return uri["Fn::Sub"][1]["Alias"]["Ref"]


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
            alias = alias_of(integration["uri"])
            if alias not in targets:
                made = gateway.create_integration(
                    ApiId=api_id,
                    IntegrationType="AWS_PROXY",
                    IntegrationUri=resources[alias],
                    PayloadFormatVersion=integration["payloadFormatVersion"],
                )
                targets[alias] = f"integrations/{made['IntegrationId']}"
            gateway.create_route(ApiId=api_id, RouteKey=key, Target=targets[alias])
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
    said.add_argument("--transform", required=True)
    said.add_argument("--code", type=pathlib.Path, required=True)
    said.add_argument("--stack", required=True)
    said.add_argument("parameters", nargs="*", metavar="Name=Value")
    asked = said.parse_args()
    parameters = json.loads((HERE / "parameters.json").read_text(encoding="utf-8"))
    parameters.update(one.split("=", 1) for one in asked.parameters)
    # Each deployment has a name of its own, or a change of parameters would publish no version.
    parameters["Release"] = str(int(time.time()))
    template = transformed(asked.transform, parameters)
    s3 = client("s3", asked.engine)
    upload(s3, template, asked.code)
    template = adapted(template, asked.ledger)
    cloud = client("cloudformation", asked.engine)
    verify(client("sesv2", asked.engine), parameters["MailFrom"])
    outputs = deploy(cloud, s3, asked.engine, asked.stack, template, parameters)
    api = lead(client("apigatewayv2", asked.engine), cloud, asked.stack, template)
    door = urllib.request.Request(
        f"http://127.0.0.1:{asked.door}/-/api",
        data=f"/_aws/execute-api/{api}/$default".encode(),
        method="PUT",
    )
    urllib.request.urlopen(door).close()
    json.dump({"api": api, "outputs": outputs}, sys.stdout)


if __name__ == "__main__":
    main()
