// Prints `ok <what>` or `FAIL <what>: <why>`, one line per check.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

export const world = JSON.parse(readFileSync(process.argv[2], "utf8"));
export const equal = assert.deepEqual;

export async function check(what, run) {
  try {
    await run();
    console.log(`ok ${what}`);
  } catch (error) {
    console.log(`FAIL ${what}: ${String(error?.stack ?? error).replaceAll("\n", " ").slice(0, 500)}`);
  }
}

/** Checks the properties of the error that is thrown. */
export async function throws(kind, run, expected) {
  let found;
  try {
    found = await run();
  } catch (error) {
    assert(error instanceof kind, String(error));
    for (const [name, value] of Object.entries(expected)) equal(error[name], value);
    return error;
  }
  throw new Error(`nothing was thrown, but ${JSON.stringify(found)} returned`);
}

export async function until(ask, enough, seconds = 20) {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const found = await ask();
    if (enough(found)) return found;
    assert(Date.now() < end, `still ${JSON.stringify(found)}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
