"""Measures each function's size, its time from start to the first poll for an event, and its memory then.

Usage: start_up.py FOLDER-OF-BINARIES AWS-DOUBLE [RUNS]. Every `flowgate-*` of the folder is started, and `hello` if it is there:
a function that does nothing, to compare with. In turn, so that a busy machine is busy for all of them.
"""

import http.server
import json
import os
import pathlib
import statistics
import subprocess
import sys
import threading
import time
import urllib.request


class FirstPoll(http.server.BaseHTTPRequestHandler):
    """A Runtime API without events: records when a function asks for one."""

    polled = threading.Event()
    at = 0.0

    def do_GET(self):
        FirstPoll.at = time.perf_counter()
        FirstPoll.polled.set()
        time.sleep(5)

    def log_message(self, *_):
        pass


def main(folder, double, runs=15):
    stores = subprocess.Popen([double, "stores", "--until-stdin-closes"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    url = stores.stdout.readline().split()[-1]
    with urllib.request.urlopen(urllib.request.Request(f"{url}/double/fresh", method="POST")) as answer:
        world = {name: str(value) for name, value in json.load(answer).items()}
    runtime = http.server.ThreadingHTTPServer(("127.0.0.1", 0), FirstPoll)
    runtime.daemon_threads = True
    threading.Thread(target=runtime.serve_forever, daemon=True).start()
    environment = {
        **world,
        "FLOWGATE_COMPLETES_KEYRING": "true",
        "FLOWGATE_PUBLIC_URL": "http://127.0.0.1",
        "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{runtime.server_port}",
        "AWS_LAMBDA_FUNCTION_NAME": "measured",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
        "AWS_LAMBDA_FUNCTION_VERSION": "1",
        "RUST_LOG": "warn",
    }
    programs = [program for program in sorted(pathlib.Path(folder).resolve().iterdir()) if is_function(program)]
    measured = {program: [] for program in programs}
    for _ in range(runs + 1):
        for program in programs:
            measured[program].append(start(program, environment))
    print(f"{'function':<22}{'MB':>7}{'ms to first poll (median, min)':>34}{'ms of CPU':>12}{'MB of memory':>15}")
    for program, starts in measured.items():
        # Discard the first start: it reads the file from the disk.
        wall, cpu, memory = zip(*starts[1:])
        size = program.stat().st_size / 1e6
        print(f"{program.name:<22}{size:>7.2f}{statistics.median(wall):>22.1f}{min(wall):>12.1f}{statistics.median(cpu):>12.1f}{statistics.median(memory):>15.1f}")
    stores.stdin.close()
    stores.wait()


def is_function(program):
    is_ours = program.name.startswith("flowgate-") or program.name == "hello"
    return is_ours and program.is_file() and not program.suffix and os.access(program, os.X_OK)


def start(program, environment):
    FirstPoll.polled.clear()
    began = time.perf_counter()
    process = subprocess.Popen([program], env=environment, stdout=subprocess.DEVNULL)
    try:
        if not FirstPoll.polled.wait(20):
            sys.exit(f"{program} does not ask for an event")
        wall = (FirstPoll.at - began) * 1000
        tasks = pathlib.Path(f"/proc/{process.pid}/task").glob("*/schedstat")
        cpu = sum(int(task.read_text().split()[0]) for task in tasks) / 1e6
        pages = pathlib.Path(f"/proc/{process.pid}/statm").read_text().split()[1]
        memory = int(pages) * os.sysconf("SC_PAGE_SIZE") / 1e6
        return wall, cpu, memory
    finally:
        process.kill()
        process.wait()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:]))
