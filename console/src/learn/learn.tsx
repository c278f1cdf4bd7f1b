// Not there yet.

export default function Stub() {
  return <h1>learn</h1>;
}
