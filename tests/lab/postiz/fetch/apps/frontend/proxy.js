import { NextResponse } from 'next/server';

/** Nobody has a session here: every page leads to /auth, as upstream does without a cookie. */
export function proxy(request) {
  return NextResponse.redirect(new URL('/auth', request.url), 307);
}

export const config = { matcher: ['/((?!_next/|auth|favicon.ico).*)'] };
