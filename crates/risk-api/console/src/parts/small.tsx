// Small things that every page has.
import { useEffect, type ReactNode } from 'react';
import { Link, useLocation } from 'react-router';
import { useSpeech } from '../language';
import type { Word } from '../words';

/** A page's title, and one sentence on what it is for. */
export function Title({ title, lead, children }: { title: string; lead?: string; children?: ReactNode }) {
  const { t } = useSpeech();
  useEffect(() => {
    document.title = `${title} · ${t('brand')}`;
  }, [title, t]);
  return (
    <div className="row middle" style={{ marginBottom: 12 }}>
      <div>
        <h2 className="page">{title}</h2>
        {lead && <p className="lead" style={{ margin: 0 }}>{lead}</p>}
      </div>
      {children && <div className="push row middle">{children}</div>}
    </div>
  );
}

/** A risk level, as word and colour. */
export function Level({ level, watch }: { level: string | null | undefined; watch?: boolean }) {
  const { t, code } = useSpeech();
  if (!level) return <span className="quiet">–</span>;
  return (
    <>
      <span className={`tag ${level}`}>{code('level', level)}</span>
      {watch && <span className="tag">{t('level.watch')}</span>}
    </>
  );
}

export function AlertLevel({ level }: { level: string }) {
  const { code } = useSpeech();
  return <span className={`tag ${level}`}>{code('alertLevel', level)}</span>;
}

/** Leads to a subject, by `kind:id`. */
export const subjectPath = (subject: string) => `/subjects/${encodeURIComponent(subject)}`;

export function SubjectLink({ subject, name }: { subject: string; name?: string | null | undefined }) {
  return <Link to={subjectPath(subject)}>{name || subject}</Link>;
}

/** A word of the interface with what it means, on the help page. */
export function Explained({ word, topic }: { word: Word; topic: string }) {
  const { t } = useSpeech();
  return (
    <>
      {t(word)}{' '}
      <Link className="what" to={`/help#${topic}`} aria-label={t('help.of', { what: t(word) })} title={t('help.of', { what: t(word) })}>
        ?
      </Link>
    </>
  );
}

/** Whether a path is the page that is shown. */
export function useSection(): string {
  const { pathname } = useLocation();
  return pathname.split('/')[1] || 'overview';
}
