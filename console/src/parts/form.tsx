// A short form in a row: its fields, one button, and why the service refused what was sent.

import { useId } from "preact/hooks";
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
          <Labelled key={field.name} field={field} />
        ))}
        <button type="submit" class={danger ? "danger" : "main"} disabled={busy}>
          {action}
        </button>
      </form>
      {error && <Failure error={error} />}
    </>
  );
}

function Labelled({ field }: { field: Field }) {
  const { name, label, optional, options, placeholder, type = "text", value } = field;
  const id = useId();
  return (
    <span>
      <label for={id}>{label}</label>{" "}
      {options ? (
        <select id={id} name={name} required={!optional}>
          {options.map((option) => (
            <option key={option}>{option}</option>
          ))}
        </select>
      ) : (
        <input
          id={id}
          name={name}
          type={type as "text"}
          required={!optional}
          placeholder={placeholder}
          defaultValue={value}
          autocomplete="off"
          min={type === "number" ? 1 : undefined}
        />
      )}
    </span>
  );
}

/** The moment of a field for local times, as the API takes it. */
export function moment(local: string): string {
  return new Date(local).toISOString();
}
