import { Button, type ButtonProps } from 'antd';
import { useState } from 'react';
import { download } from '../api';

/** Fetches a file and hands it over; says beside the button why it could not. */
export function FileButton({ path, name, ...button }: { path: string; name: string } & Omit<ButtonProps, 'onClick' | 'loading'>) {
  const [fetching, setFetching] = useState(false);
  const [failed, setFailed] = useState('');
  const carry = async () => {
    setFetching(true);
    setFailed('');
    try {
      await download(path, name);
    } catch (error) {
      setFailed(error instanceof Error ? error.message : String(error));
    } finally {
      setFetching(false);
    }
  };
  return (
    <>
      <Button {...button} loading={fetching} onClick={() => void carry()} />
      {failed && <span role="alert">{failed}</span>}
    </>
  );
}
