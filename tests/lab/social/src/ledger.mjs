/**
 * Every call that the network was given, as JSON lines that survive a restart.
 * outcome: `published` (visible now), `recognised` (its key was known: nothing new is visible),
 * `refused` (an error was answered) or `dropped` (read, then the connection was cut).
 */
import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';

export class Ledger {
  #file;
  #entries = [];

  constructor(file) {
    this.#file = file;
    mkdirSync(dirname(file), { recursive: true });
    if (existsSync(file)) {
      // A line cut off by a kill is the only one that cannot be read.
      this.#entries = readFileSync(file, 'utf8')
        .split('\n')
        .filter((line) => line.endsWith('}'))
        .map((line) => JSON.parse(line));
    }
  }

  /** Entries that equal `filter` in each of its keys. */
  find(filter = {}) {
    return this.#entries.filter((entry) => Object.entries(filter).every(([key, value]) => entry[key] === value));
  }

  add({ channel, postId, content, idempotencyKey, outcome, id }) {
    const attempt = this.find({ postId, channel }).length + 1;
    const entry = { time: new Date().toISOString(), channel, postId, attempt, idempotencyKey, outcome, id, content };
    appendFileSync(this.#file, `${JSON.stringify(entry)}\n`);
    this.#entries.push(entry);
    return entry;
  }

  clear() {
    rmSync(this.#file, { force: true });
    this.#entries = [];
  }
}
