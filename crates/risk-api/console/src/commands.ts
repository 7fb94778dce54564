// What officers decide, sent as commands.
import { useQueryClient } from '@tanstack/react-query';
import { post } from './api';
import { useSession } from './session';

/** On what a command acts. */
export type Target = { alert_id: string } | { case_id: string } | { subject: string } | { enterprise_id: string };

/** An id that nobody gives twice. */
export function freshId(prefix: string): string {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return `${prefix}-${[...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('')}`;
}

/** Gives a command; throws with the rule that it breaks where it is refused. */
export function useCommand() {
  const { acting } = useSession();
  const queries = useQueryClient();
  return async (target: Target, kind: string, reason: string, fields: Record<string, unknown> = {}) => {
    const id = freshId('UI');
    const record = {
      command_id: id,
      decided_at: new Date().toISOString(),
      // Elsewhere than in the demo the server writes down who is signed in.
      ...(acting ? { actor: acting } : {}),
      reason,
      ...target,
      kind,
      ...fields,
    };
    const posted = await post('/v1/commands', [record], id);
    const receipt = posted?.items[0];
    if (receipt?.status === 'rejected') {
      throw new Error([receipt.field, receipt.value, receipt.rule].filter(Boolean).join(' · '));
    }
    await queries.invalidateQueries();
    // What is shown follows what is recorded by a moment.
    for (const later of [400, 1_500]) setTimeout(() => void queries.invalidateQueries(), later);
  };
}
