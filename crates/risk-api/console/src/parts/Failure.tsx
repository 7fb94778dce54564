import { Alert } from 'antd';
import { Problem } from '../api';
import { useSpeech } from '../language';

/** Why something did not work, in the server's words where it has any. */
export function Failure({ error }: { error: unknown }) {
  const { t } = useSpeech();
  const detail = error instanceof Error ? error.message : String(error);
  const forbidden = error instanceof Problem && error.status === 403;
  return (
    <Alert
      role="alert"
      type={forbidden ? 'warning' : 'error'}
      showIcon
      title={t(forbidden ? 'failure.forbidden' : 'failure.title')}
      description={detail}
    />
  );
}
