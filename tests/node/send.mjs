// Sends one span (protobuf, then JSON), one log record and one counter, and ends when all is acknowledged.
// node send.mjs URL KEY
import { OTLPLogExporter } from '@opentelemetry/exporter-logs-otlp-http';
import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-proto';
import { OTLPTraceExporter as JsonTraces } from '@opentelemetry/exporter-trace-otlp-http';
import { OTLPTraceExporter as ProtobufTraces } from '@opentelemetry/exporter-trace-otlp-proto';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BatchLogRecordProcessor, LoggerProvider } from '@opentelemetry/sdk-logs';
import { MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import { BasicTracerProvider, BatchSpanProcessor } from '@opentelemetry/sdk-trace-base';

const [url, key] = process.argv.slice(2);
const resource = resourceFromAttributes({ 'service.name': 'node-sender' });
const to = (signal) => ({
  url: `${url}/v1/${signal}`,
  headers: { authorization: `Bearer ${key}` },
  compression: 'gzip',
});
const sent = {};
for (const [name, Exporter] of [['protobuf', ProtobufTraces], ['json', JsonTraces]]) {
  const provider = new BasicTracerProvider({
    resource,
    spanProcessors: [new BatchSpanProcessor(new Exporter(to('traces')))],
  });
  const span = provider.getTracer('node').startSpan(`node ${name}`, { attributes: { seats: 3 } });
  span.end();
  sent[name] = span.spanContext().traceId;
  await provider.shutdown();
}
const exporter = new OTLPLogExporter(to('logs'));
let processor;
try {
  processor = new BatchLogRecordProcessor({ exporter });
} catch {
  processor = new BatchLogRecordProcessor(exporter);
}
const logs = new LoggerProvider({ resource, processors: [processor] });
logs.getLogger('node').emit({ severityNumber: 17, body: 'from node' });
await logs.shutdown();
const reader = new PeriodicExportingMetricReader({ exporter: new OTLPMetricExporter(to('metrics')) });
const meters = new MeterProvider({ resource, readers: [reader] });
meters.getMeter('node').createCounter('node.count').add(4, { outcome: 'ok' });
await meters.shutdown();
console.log(JSON.stringify(sent));
