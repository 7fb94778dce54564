import { useQuery } from '@tanstack/react-query';
import { Alert, Button, Card, Input, Space } from 'antd';
import { useState } from 'react';
import { client, told, token } from '../api';
import { useSpeech } from '../language';

/** Asks who somebody is: at the bureau's provider, or by a token. */
export function SignIn({ refused, again }: { refused: boolean; again: () => void }) {
  const { t, language, setLanguage } = useSpeech();
  const [typed, setTyped] = useState('');
  const ways = useQuery({ queryKey: ['ways'], queryFn: () => told(client.GET('/auth/ways')) });
  return (
    <main className="sign-in">
      <Card title={<h1 style={{ fontSize: 18, margin: 0 }}>{t('sign.title')}</h1>}>
        <Space orientation="vertical" size="middle" style={{ width: '100%' }}>
          {refused && <Alert type="error" showIcon title={t('sign.refused')} role="alert" />}
          {ways.data?.provider && (
            <Button type="primary" block size="large" href="/auth/login">
              {t('sign.provider')}
            </Button>
          )}
          {ways.data?.token && (
            <form
              onSubmit={(event) => {
                event.preventDefault();
                token.set(typed.trim());
                again();
              }}
            >
              <div className="field">
                <label htmlFor="token">{t('sign.token')}</label>
                <Input.Password id="token" autoComplete="off" value={typed} onChange={(event) => setTyped(event.target.value)} />
                <Button htmlType="submit" disabled={!typed.trim()} block type={ways.data.provider ? 'default' : 'primary'}>
                  {t('sign.in')}
                </Button>
              </div>
              <p className="quiet">{t('sign.token.note')}</p>
            </form>
          )}
          {ways.data && !ways.data.provider && !ways.data.token && <Alert type="warning" title={t('sign.none')} />}
          <Button type="link" onClick={() => setLanguage(language === 'zh' ? 'en' : 'zh')}>
            {t('language.other')}
          </Button>
        </Space>
      </Card>
    </main>
  );
}
