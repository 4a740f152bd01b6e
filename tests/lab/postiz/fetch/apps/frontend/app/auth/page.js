import { Version } from '../version';

export default function Register() {
  return (
    <main>
      <h1>Sign Up</h1>
      <a href="/auth/login">Sign In</a> <Version />
    </main>
  );
}
