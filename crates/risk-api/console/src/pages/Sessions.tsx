import { useQueryClient } from '@tanstack/react-query';
import { Button, Modal } from 'antd';
import { useState } from 'react';
import { client, told, type Schemas } from '../api';
import { moment } from '../format';
import { useSpeech } from '../language';
import { Failure } from '../parts/Failure';
import { List } from '../parts/List';
import { plain } from '../parts/Table';
import { Title } from '../parts/small';
import { useSession } from '../session';

type Row = Schemas['OpenSessionDto'];

/** Who is signed in, and where: one's own sessions, and everybody's for an administrator, to be ended. */
export default function Sessions() {
  const { t, language } = useSpeech();
  const { known, may } = useSession();
  const queries = useQueryClient();
  const [ending, setEnding] = useState<{ title: string; ask: () => Promise<Schemas['EndedDto']> } | null>(null);
  const [failed, setFailed] = useState<unknown>(null);
  const close = () => {
    setEnding(null);
    setFailed(null);
  };
  const end = async () => {
    setFailed(null);
    try {
      await ending?.ask();
      close();
      // Whoever ended the session by which they ask is asked to sign in anew.
      await queries.invalidateQueries();
    } catch (error) {
      setFailed(error);
    }
  };
  const endOne = (row: Row) =>
    setEnding({
      title: t('sessions.end.one', { actor: row.actor }),
      ask: () => told(client.POST('/v1/sessions/{id}/end', { params: { path: { id: row.id } } })),
    });
  const endAll = (actor: string) =>
    setEnding({
      title: t('sessions.end.all', { actor }),
      ask: () => told(client.POST('/v1/people/{id}/sessions/end', { params: { path: { id: actor } } })),
    });
  const administers = may('administrator');
  const everybody = { name: 'everybody', label: t('sessions.whose'), choices: [{ value: 'true', label: t('sessions.everybody') }] };
  return (
    <>
      <Title title={t('nav.sessions')} lead={t('sessions.lead')} />
      <Modal open={ending !== null} title={ending?.title} onCancel={close} onOk={() => void end()} okText={t('sessions.end')} cancelText={t('act.cancel')}>
        <p>{t('sessions.sure')}</p>
        {failed !== null && <Failure error={failed} />}
      </Modal>
      <List<Row>
        label={t('nav.sessions')}
        path="/v1/sessions"
        most={500}
        file="sessions"
        rowKey={(row) => row.id}
        filters={administers ? [everybody] : []}
        extra={known.means === 'session' && known.actor && <Button onClick={() => endAll(known.actor ?? '')}>{t('sessions.mine')}</Button>}
        columns={[
          plain('actor', t('audit.actor'), (row) => row.actor),
          { key: 'began', title: t('sessions.began'), show: (row) => moment(row.began_at, language), text: (row) => row.began_at, sort: (row) => row.began_at, short: true },
          { key: 'used', title: t('sessions.used'), show: (row) => moment(row.used_at, language), text: (row) => row.used_at, sort: (row) => row.used_at, short: true },
          { key: 'ends', title: t('sessions.ends'), show: (row) => moment(row.ends_at, language), text: (row) => row.ends_at, sort: (row) => row.ends_at, short: true },
          { key: 'current', title: t('sessions.current'), show: (row) => (row.current ? t('yes') : ''), text: (row) => (row.current ? t('yes') : '') },
          {
            key: 'end',
            title: t('sessions.end'),
            show: (row) => (
              <div className="row">
                <Button size="small" onClick={() => endOne(row)}>
                  {t('sessions.end')}
                </Button>
                {administers && (
                  <Button size="small" onClick={() => endAll(row.actor)}>
                    {t('sessions.theirs')}
                  </Button>
                )}
              </div>
            ),
          },
        ]}
      />
    </>
  );
}
