// A short form in a row: its fields, one button, and why the service refused what was sent.

import { useAction } from "../api/action";
import { Failure } from "./failure";

export interface Field {
  name: string;
  label: string;
  placeholder?: string;
  /** A field that may stay empty. */
  optional?: boolean;
  type?: "text" | "number" | "datetime-local";
  options?: readonly string[];
  value?: string;
}

interface Props {
  /** What the form does, for those who hear it. */
  name: string;
  fields: readonly Field[];
  action: string;
  danger?: boolean;
  /** Values by name; what is empty is left out. */
  send: (values: Record<string, string>) => Promise<unknown>;
}

export function Form({ name, fields, action, danger, send }: Props) {
  const { busy, error, run } = useAction();
  const submit = async (event: Event) => {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    const values: Record<string, string> = {};
    for (const [field, value] of new FormData(form)) {
      if (typeof value === "string" && value.trim() !== "") values[field] = value;
    }
    if (await run(() => send(values))) form.reset();
  };
  return (
    <>
      <form class="row" aria-label={name} onSubmit={(event) => void submit(event)}>
        {fields.map((field) => (
          <label key={field.name}>
            {field.label} <Input field={field} />
          </label>
        ))}
        <button type="submit" class={danger ? "danger" : "main"} disabled={busy}>
          {action}
        </button>
      </form>
      {error && <Failure error={error} />}
    </>
  );
}

function Input({ field }: { field: Field }) {
  const { name, optional, options, placeholder, type = "text", value } = field;
  if (options) {
    return (
      <select name={name} required={!optional}>
        {options.map((option) => (
          <option key={option}>{option}</option>
        ))}
      </select>
    );
  }
  return (
    <input
      name={name}
      type={type}
      required={!optional}
      placeholder={placeholder}
      defaultValue={value}
      autocomplete="off"
      {...(type === "number" && { min: 1 })}
    />
  );
}

/** The moment of a field for local times, as the API takes it. */
export function moment(local: string): string {
  return new Date(local).toISOString();
}
