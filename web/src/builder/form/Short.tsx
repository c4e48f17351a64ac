import { Input } from '../../ui/Field';
import { useBuffered } from './useBuffered';

type Props = { id: string; value: string; onChange: (value: string) => void };

/** A text of one line, which changes the document once the typing pauses. */
export function Short({ value, onChange, ...ids }: Props) {
  const { shown, type, flush } = useBuffered(value, onChange);
  return <Input {...ids} mono value={shown} onChange={(event) => type(event.target.value)} onBlur={flush} />;
}
