import { useMutation, useQueryClient } from '@tanstack/react-query';
import { api } from '../../api/client';
import { announce } from '../../app/announce';
import { Confirm } from '../../ui/Confirm';
import style from './Secrets.module.css';
import { Uses } from './SecretUses';
import type { Secret } from './secretForm';

export function DeleteSecret({ secret, onClose }: { secret: Secret; onClose: () => void }) {
  const queries = useQueryClient();
  const remove = useMutation({
    mutationFn: () => api.DELETE('/v1/secrets/{name}', { params: { path: { name: secret.name } } }),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ['secrets'] });
      announce(`${secret.name} is deleted`);
      onClose();
    },
  });
  return (
    <Confirm title={`Delete ${secret.name}?`} action="Delete" typed={secret.name} mutation={remove} onClose={onClose}>
      <p>Calls that need it fail from then on, in runs in flight too. Its value cannot be brought back.</p>
      <div className={style.usedBy}>
        <b>Used by</b>
        <Uses name={secret.name} />
      </div>
    </Confirm>
  );
}
