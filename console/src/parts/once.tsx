// A login whose password is shown once, and kept nowhere.

import type { Schemas } from "../api/client";
import { Copy } from "./copy";

export function Once({ login }: { login: Schemas["Credentials"] }) {
  return (
    <div class="once" role="status">
      <p>
        <strong>Copy the password now.</strong> It is shown once; nobody can look it up later.
      </p>
      <dl>
        <dt>User</dt>
        <dd>
          <code>{login.username}</code>
        </dd>
        <dt>Password</dt>
        <dd>
          <code>{login.password}</code> <Copy text={login.password} label="Copy the password" />
        </dd>
      </dl>
    </div>
  );
}
