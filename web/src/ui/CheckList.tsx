import style from './CheckList.module.css';
import { Checkbox } from './Field';

type Props = { of: { id: string; name: string }[]; chosen: string[]; onChange: (chosen: string[]) => void };

/** Boxes to choose some of many by name. */
export function CheckList({ of, chosen, onChange }: Props) {
  const toggle = (id: string) => onChange(chosen.includes(id) ? chosen.filter((one) => one !== id) : [...chosen, id]);
  return (
    <div className={style.list}>
      {of.map(({ id, name }) => (
        <Checkbox
          key={id}
          checked={chosen.includes(id)}
          onChange={() => toggle(id)}
          label={
            <>
              {name} <code>{id}</code>
            </>
          }
        />
      ))}
    </div>
  );
}
