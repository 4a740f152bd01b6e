/**
 * A page in a browser, told what to do by lines of JSON on standard input, each answered by one on standard output:
 * {"open": URL}, {"click": SELECTOR}, {"text": SELECTOR}, {"load": PATH}, {"close": true}.
 * Every answer carries what the console complained about and which requests failed since the one before it.
 */
import { createInterface } from 'node:readline';

import puppeteer from 'puppeteer-core';

const browser = await puppeteer.launch({
  executablePath: '/usr/bin/chromium-headless-shell',
  args: ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu'],
});
const page = await browser.newPage();
page.setDefaultTimeout(20_000);
// Every file is fetched from the stack as it is now.
await page.setCacheEnabled(false);
let errors = [];
let failed = [];
page.on('console', (message) => {
  if (message.type() === 'error') errors.push(message.text());
});
page.on('pageerror', (error) => errors.push(String(error)));
page.on('response', (response) => {
  if (response.status() >= 400) failed.push(`${response.status()} ${response.url()}`);
});
page.on('requestfailed', (request) => failed.push(`${request.failure()?.errorText} ${request.url()}`));

const verbs = {
  open: async (url) => (await page.goto(url, { waitUntil: 'networkidle0' })).status(),
  click: async (selector) => (await page.waitForSelector(selector)).click(),
  text: async (selector) => (await page.waitForSelector(selector)).evaluate((element) => element.textContent),
  // As the page itself would load a chunk.
  load: (path) =>
    page.evaluate(
      (source) =>
        new Promise((resolve) => {
          const script = document.createElement('script');
          script.addEventListener('load', () => resolve('loaded'));
          script.addEventListener('error', () => resolve('failed'));
          script.src = source;
          document.head.append(script);
        }),
      path,
    ),
};

for await (const line of createInterface({ input: process.stdin })) {
  const [[verb, argument]] = Object.entries(JSON.parse(line));
  if (verb === 'close') break;
  let answer;
  try {
    answer = { result: (await verbs[verb](argument)) ?? null };
  } catch (problem) {
    answer = { problem: String(problem) };
  }
  console.log(JSON.stringify({ ...answer, errors, failed }));
  errors = [];
  failed = [];
}
await browser.close();
