/** Log lines in NestJS' form, without its colours. */
const line = (level, context, message) =>
  `[Nest] ${process.pid}  - ${new Date().toISOString()}  ${level.padStart(7)} [${context}] ${message}`;

export const log = (context, message) => console.log(line('LOG', context, message));
export const warn = (context, message) => console.warn(line('WARN', context, message));
export const error = (context, message) => console.error(line('ERROR', context, message));
