/** The controls of all pages. Each has a label in the field's words, and a hint that shows on a pause. */
import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";

interface Common {
  readonly label: string;
  /** What the control does, in a sentence. */
  readonly hint?: string;
  readonly testId?: string;
  readonly disabled?: boolean;
}

function Field({
  id,
  label,
  hint,
  value,
  children,
}: Common & { readonly id: string; readonly value?: string; readonly children: ComponentChildren }) {
  return (
    <div class="field">
      <div class="field-head">
        <label for={id}>{label}</label>
        {value !== undefined && <output for={id}>{value}</output>}
      </div>
      {children}
      {hint !== undefined && (
        <p class="hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
    </div>
  );
}

export interface SliderProps extends Common {
  readonly value: number;
  readonly min: number;
  readonly max: number;
  readonly step: number;
  readonly onInput: (value: number) => void;
  /** How the value reads. Default: with as many digits as the step has. */
  readonly format?: (value: number) => string;
}

export function Slider({ value, min, max, step, onInput, format, testId, disabled, ...common }: SliderProps) {
  const id = useId();
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const text = (format ?? ((x: number) => x.toFixed(digits)))(value);
  return (
    <Field {...common} id={id} value={text}>
      <input
        id={id}
        type="range"
        min={min}
        max={max}
        step={step}
        value={value}
        disabled={disabled}
        data-testid={testId}
        aria-valuetext={text}
        aria-describedby={common.hint === undefined ? undefined : `${id}-hint`}
        onInput={(event) => onInput(event.currentTarget.valueAsNumber)}
      />
    </Field>
  );
}

export interface NumberFieldProps extends Common {
  readonly value: number;
  readonly min: number;
  readonly max: number;
  readonly step?: number;
  readonly onInput: (value: number) => void;
  /** Beside the number. */
  readonly children?: ComponentChildren;
}

/** A number to type; what is no number within the bounds is left alone until it is one. */
export function NumberField({
  value,
  min,
  max,
  step = 1,
  onInput,
  testId,
  disabled,
  children,
  ...common
}: NumberFieldProps) {
  const id = useId();
  return (
    <Field {...common} id={id}>
      <div class="row">
        <input
          id={id}
          type="number"
          inputMode={step === 1 ? "numeric" : "decimal"}
          min={min}
          max={max}
          step={step === 1 ? 1 : "any"}
          value={value}
          disabled={disabled}
          data-testid={testId}
          aria-describedby={common.hint === undefined ? undefined : `${id}-hint`}
          onInput={(event) => {
            const input = event.currentTarget;
            if (input.validity.valid && !Number.isNaN(input.valueAsNumber)) onInput(input.valueAsNumber);
          }}
        />
        {children}
      </div>
    </Field>
  );
}

export interface ChoiceProps<T extends string> extends Common {
  readonly value: T;
  readonly options: readonly (readonly [value: T, label: string])[];
  readonly onInput: (value: T) => void;
}

/** One of a few, side by side. */
export function Choice<T extends string>({ label, hint, value, options, onInput, testId, disabled }: ChoiceProps<T>) {
  const id = useId();
  return (
    <fieldset
      class="field choice"
      data-testid={testId}
      disabled={disabled}
      aria-describedby={hint === undefined ? undefined : `${id}-hint`}
    >
      <legend>{label}</legend>
      <div class="segments">
        {options.map(([option, text]) => (
          <label key={option}>
            <input type="radio" name={id} value={option} checked={option === value} onChange={() => onInput(option)} />
            <span>{text}</span>
          </label>
        ))}
      </div>
      {hint !== undefined && (
        <p class="hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
    </fieldset>
  );
}

export interface SelectProps<T extends string> extends ChoiceProps<T> {}

/** One of many. */
export function Select<T extends string>({ value, options, onInput, testId, disabled, ...common }: SelectProps<T>) {
  const id = useId();
  return (
    <Field {...common} id={id}>
      <select
        id={id}
        value={value}
        disabled={disabled}
        data-testid={testId}
        onChange={(event) => onInput(event.currentTarget.value as T)}
      >
        {options.map(([option, text]) => (
          <option key={option} value={option}>
            {text}
          </option>
        ))}
      </select>
    </Field>
  );
}

export interface FileFieldProps {
  readonly label: string;
  /** Endings or kinds of file, as in HTML. Default: all. */
  readonly accept?: string;
  readonly testId: string;
  readonly disabled?: boolean;
  readonly onFile: (file: File) => void;
}

/** A button that asks for a file; the same one can be chosen again. */
export function FileField({ label, accept, testId, disabled, onFile }: FileFieldProps) {
  return (
    <label class="file">
      <span>{label}</span>
      <input
        type="file"
        accept={accept}
        disabled={disabled}
        data-testid={testId}
        onChange={(event) => {
          const file = event.currentTarget.files?.[0];
          event.currentTarget.value = "";
          if (file !== undefined) onFile(file);
        }}
      />
    </label>
  );
}

/** A place to drop a file of its own kind, with a button that asks for one. The page's own place for checkpoints does not hear of it. */
export function FileDrop(props: FileFieldProps) {
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: the button does the same by keyboard
    <div
      class="drop"
      onDragOver={(event) => {
        event.preventDefault();
        event.stopPropagation();
      }}
      onDrop={(event) => {
        event.preventDefault();
        event.stopPropagation();
        const file = event.dataTransfer?.files[0];
        if (file !== undefined) props.onFile(file);
      }}
    >
      <FileField {...props} />
    </div>
  );
}

/** A part of the panel that opens and closes. */
export function Section({
  title,
  open,
  children,
  testId,
  onToggle,
}: {
  readonly title: string;
  readonly open?: boolean;
  readonly children: ComponentChildren;
  readonly testId?: string;
  readonly onToggle?: (isOpen: boolean) => void;
}) {
  return (
    <details
      class="section"
      open={open}
      data-testid={testId}
      onToggle={(event) => onToggle?.(event.currentTarget.open)}
    >
      <summary>
        <h2>{title}</h2>
      </summary>
      <div class="section-body">{children}</div>
    </details>
  );
}
