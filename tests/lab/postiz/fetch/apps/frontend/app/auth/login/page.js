import { Version } from '../../version';

export default function Login() {
  return (
    <main>
      <h1>Sign In</h1>
      <Version />
    </main>
  );
}
