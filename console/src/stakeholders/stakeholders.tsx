// Not there yet.

export default function Stub() {
  return <h1>stakeholders</h1>;
}
