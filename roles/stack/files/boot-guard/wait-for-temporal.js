// Waits until Temporal serves: its health service says SERVING and the namespace can be described.
// Plain gRPC over node:http2, because the image has neither the temporal CLI nor grpcurl.
// Environment: TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, TEMPORAL_TLS, TEMPORAL_API_KEY, as Postiz reads them.
'use strict';

const http2 = require('node:http2');

const address = process.env.TEMPORAL_ADDRESS || 'localhost:7233';
const namespace = process.env.TEMPORAL_NAMESPACE || 'default';
const secure = process.env.TEMPORAL_TLS === 'true';
const apiKey = process.env.TEMPORAL_API_KEY;
const WORKFLOW_SERVICE = 'temporal.api.workflowservice.v1.WorkflowService';
const SERVING = 1;
const CALL_TIMEOUT_MS = 5000;
const PAUSE_MS = 1000;
const REPORT_EVERY_MS = 10000;

// A protobuf message whose only field, number 1, is a string.
function stringMessage(text) {
  const bytes = Buffer.from(text, 'utf8');
  if (bytes.length > 127) throw new Error(`too long for one length byte: ${text}`);
  return Buffer.concat([Buffer.from([0x0a, bytes.length]), bytes]);
}

function call(session, path, message) {
  return new Promise((resolve, reject) => {
    const headers = {
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/grpc',
      te: 'trailers',
    };
    if (apiKey) headers.authorization = `Bearer ${apiKey}`;
    const stream = session.request(headers);
    const chunks = [];
    let status = null;
    const read = (received) => {
      if (received['grpc-status'] !== undefined) {
        status = Number(received['grpc-status']);
      }
    };
    stream.setTimeout(CALL_TIMEOUT_MS, () => {
      stream.close(http2.constants.NGHTTP2_CANCEL);
      reject(new Error('no answer'));
    });
    stream.on('response', read);
    stream.on('trailers', read);
    stream.on('data', (chunk) => chunks.push(chunk));
    stream.on('error', reject);
    stream.on('end', () => {
      if (status === 0) resolve(Buffer.concat(chunks).subarray(5));
      else reject(new Error(`gRPC status ${status} from ${path}`));
    });
    const frame = Buffer.alloc(5);
    frame.writeUInt32BE(message.length, 1);
    stream.end(Buffer.concat([frame, message]));
  });
}

async function probe() {
  const session = http2.connect(`${secure ? 'https' : 'http'}://${address}`);
  try {
    await new Promise((resolve, reject) => {
      session.once('connect', resolve);
      session.once('error', reject);
      session.setTimeout(CALL_TIMEOUT_MS, () => reject(new Error('no connection')));
    });
    session.on('error', () => {});
    const health = await call(session, '/grpc.health.v1.Health/Check', stringMessage(WORKFLOW_SERVICE));
    if (health[0] !== 0x08 || health[1] !== SERVING) throw new Error('not serving yet');
    await call(session, `/${WORKFLOW_SERVICE}/DescribeNamespace`, stringMessage(namespace));
  } finally {
    session.destroy();
  }
}

async function main() {
  const since = Date.now();
  let reported = 0;
  for (;;) {
    try {
      await probe();
      const seconds = Math.round((Date.now() - since) / 1000);
      console.log(`boot-guard: Temporal at ${address} serves namespace ${namespace} (after ${seconds} s)`);
      return;
    } catch (error) {
      if (Date.now() - reported >= REPORT_EVERY_MS) {
        reported = Date.now();
        console.log(`boot-guard: waiting for Temporal at ${address}, namespace ${namespace}: ${error.code || error.message}`);
      }
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }
}

process.on('SIGTERM', () => process.exit(143));
main();
