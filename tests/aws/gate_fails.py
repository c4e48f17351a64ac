"""Breaks the transformed template in one place at a time, and expects the gate to report it.

Usage: gate_fails.py TRANSFORMED.json. Prints `ok` or `FAIL` for each, then `N passed, M failed`.
"""

import copy
import json
import pathlib
import subprocess
import sys
import tempfile

GATE = pathlib.Path(__file__).with_name("gate.py")
RUNS = "/v1/workflows/{workflow_id}/runs"
ANY = "x-amazon-apigateway-any-method"


def integration(document, path, method=ANY):
    return document["Resources"]["Api"]["Properties"]["Body"]["paths"][path][method]["x-amazon-apigateway-integration"]


def properties(document, name):
    return document["Resources"][name]["Properties"]


def grants(document, function):
    return properties(document, f"{function}Role")["Policies"][0]["PolicyDocument"]["Statement"]


def stop_streaming(document):
    uri = integration(document, RUNS, "post")["uri"]
    uri["Fn::Sub"] = uri["Fn::Sub"].replace("2021-11-15", "2015-03-31").replace("response-streaming-invocations", "invocations")


def stage(document):
    return next(it for it in document["Resources"].values() if it["Type"] == "AWS::ApiGateway::Stage")["Properties"]


def log_headers(document):
    setting = stage(document)["AccessLogSetting"]["Fn::If"][1]
    setting["Format"] = setting["Format"].replace("$context.status", "$context.identity.userAgent")


def response(document, name):
    return properties(document, "Api")["Body"]["x-amazon-apigateway-gateway-responses"][name]


def name_the_api_in_a_function_it_names(document):
    uri = integration(document, "/v1/keys")["uri"]
    uri["Fn::Sub"] = uri["Fn::Sub"].replace("function:${AWS::StackName}-keys/", "function:${AWS::StackName}-keys/${KeysFunction.Arn}/")


# What is broken, how, and what the gate must report.
SPOILED = [
    ("a buffered URI on a streamed function", stop_streaming, "invoke streams"),
    ("no transfer mode", lambda it: integration(it, "/v1/runs/{run_id}").pop("responseTransferMode"), "run-status streams"),
    ("29 seconds for a stream", lambda it: integration(it, RUNS).pop("timeoutInMillis"), "run-status streams"),
    ("a stream of a buffered function", lambda it: integration(it, "/v1/keys").update(responseTransferMode="STREAM"), "keys does not stream"),
    ("no catch-all", lambda it: properties(it, "Api")["Body"]["paths"].pop("/{proxy+}"), "unknown routes"),
    ("two names for one place", lambda it: properties(it, "Api")["Body"]["paths"].update({"/v1/runs/{id}/x": properties(it, "Api")["Body"]["paths"]["/v1/keys"]}), "one parameter name"),
    ("batches fail as a whole", lambda it: properties(it, "WorkerFunctionQueue").pop("FunctionResponseTypes"), "worker: reports which messages failed"),
    ("batches of ten runs", lambda it: properties(it, "WorkerFunctionQueue").update(BatchSize=10), "worker: batches of 1"),
    ("runs that end after 16 hand-overs", lambda it: properties(it, "WorkerFunction").pop("RecursiveLoop"), "worker: may send to its own queue"),
    ("short visibility", lambda it: properties(it, "RunQueue").update(VisibilityTimeout=900), "worker: a message is invisible"),
    ("no redrive", lambda it: properties(it, "WebhookQueue")["RedrivePolicy"].update(maxReceiveCount=1), "webhook: five attempts"),
    ("plain queue", lambda it: properties(it, "RunDeadLetters").pop("SqsManagedSseEnabled"), "RunDeadLetters: encrypted"),
    ("no TTL", lambda it: properties(it, "Table")["TimeToLiveSpecification"].update(Enabled=False), "forgets by expires_at"),
    ("no PITR", lambda it: properties(it, "Table")["PointInTimeRecoverySpecification"].update(PointInTimeRecoveryEnabled=False), "restored to any moment"),
    ("another index", lambda it: properties(it, "Table")["GlobalSecondaryIndexes"].pop(0), "the index due"),
    ("table deleted with the stack", lambda it: it["Resources"]["Table"].pop("UpdateReplacePolicy"), "the table outlives"),
    ("a wildcard action", lambda it: grants(it, "Invoke")[0].update(Action="dynamodb:*"), "invoke: dynamodb:*: an exact grant"),
    ("a wildcard resource", lambda it: grants(it, "Worker")[0].update(Resource="*"), "on *"),
    ("a wildcard in an ARN", lambda it: grants(it, "Worker")[0].update(Resource={"Fn::Sub": "${Table.Arn}/*"}), "on ${Table.Arn}/*"),
    ("a managed policy", lambda it: properties(it, "KeysRole").update(ManagedPolicyArns=["arn:aws:iam::aws:policy/AdministratorAccess"]), "KeysRole: no managed policy"),
    ("one role for two", lambda it: properties(it, "KeysFunction").update(Role=properties(it, "InvokeFunction")["Role"]), "one role per function"),
    ("headers in the access log", log_headers, "the access log holds no"),
    ("no throttling", lambda it: stage(it)["MethodSettings"][0].pop("ThrottlingRateLimit"), "the stage throttles"),
    ("the gateway's own words", lambda it: response(it, "THROTTLED")["responseTemplates"].update({"application/json": '{"message":"x"}'}), "THROTTLED: our fields"),
    ("another status in the body", lambda it: response(it, "REQUEST_TOO_LARGE").update(statusCode="400"), "REQUEST_TOO_LARGE: 413"),
    ("a circle", name_the_api_in_a_function_it_names, "no resource needs itself"),
    ("a right for the pages", lambda it: grants(it, "Console")[0].update(Action=["dynamodb:GetItem"]), "console: logs, and does nothing else"),
    ("pages instead of a route", lambda it: properties(it, "Api")["Body"]["paths"]["/v1/keys"].update({"get": properties(it, "Api")["Body"]["paths"]["/"]["get"]}), "pages are where no route"),
    ("anybody invokes", lambda it: properties(it, "InvokePermission").pop("SourceArn"), "invoke: invoked by one source"),
    ("loopback allowed", lambda it: properties(it, "WorkerFunction")["Environment"]["Variables"].update(FLOWGATE_ALLOW_LOOPBACK="true"), "worker: no loopback"),
]


def gate(document, seen=None):
    with tempfile.TemporaryDirectory() as folder:
        files = [pathlib.Path(folder, "template.json")] + ([pathlib.Path(folder, "seen.json")] if seen is not None else [])
        for file, content in zip(files, (document, seen)):
            file.write_text(json.dumps(content))
        ran = subprocess.run([sys.executable, str(GATE), *map(str, files)], capture_output=True, text=True)
    return ran.returncode, [line for line in ran.stdout.splitlines() if line.startswith("FAIL")] or ran.stderr.splitlines()[-1:]


def granted(document):
    """The actions of a run that used every grant."""
    folders = {"Invoke": "invoke", "RunStatus": "run-status", "Keys": "keys", "Workflows": "workflows", "Console": "console", "Worker": "worker", "Webhook": "webhook", "Sweeper": "sweeper"}
    return {folder: [action for it in grants(document, function) if "Action" in it for action in it["Action"]] for function, folder in folders.items()}


def results(document):
    code, lines = gate(document, granted(document))
    yield "the template as it is, and a run that used every grant", code == 0, lines
    for what, spoil, said in SPOILED:
        spoiled = copy.deepcopy(document)
        spoil(spoiled)
        code, lines = gate(spoiled)
        yield f"refused: {what}", code == 1 and any(said in line for line in lines), lines
    idle = granted(document) | {"sweeper": ["sqs:SendMessage"]}
    code, lines = gate(document, idle)
    yield "refused: a grant that nobody used", code == 1 and any("sweeper: every grant was used" in line for line in lines), lines
    greedy = granted(document)
    greedy["keys"].append("secretsmanager:ListSecrets")
    code, lines = gate(document, greedy)
    yield "refused: an action that nobody granted", code == 1 and any("keys: every used action" in line for line in lines), lines


def main():
    document = json.loads(pathlib.Path(sys.argv[1]).read_text())
    outcomes = list(results(document))
    for what, held, lines in outcomes:
        print(f"ok {what}" if held else f"FAIL {what}: {lines}")
    failed = sum(not held for _, held, _ in outcomes)
    print(f"{len(outcomes) - failed} passed, {failed} failed")
    sys.exit(bool(failed))


main()
