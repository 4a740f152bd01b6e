'use client';

/** NEXT_PUBLIC_VERSION is inlined at build time: a bundle of another release shows its own version. */
export function Version() {
  return <small data-version={process.env.NEXT_PUBLIC_VERSION}>{process.env.NEXT_PUBLIC_VERSION}</small>;
}
