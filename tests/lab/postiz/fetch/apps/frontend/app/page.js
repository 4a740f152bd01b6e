export default function Home() {
  return <main>Postiz</main>;
}
