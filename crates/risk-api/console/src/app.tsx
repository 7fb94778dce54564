import {
  AlertOutlined,
  AuditOutlined,
  BugOutlined,
  ExperimentOutlined,
  FileProtectOutlined,
  FileTextOutlined,
  FolderOpenOutlined,
  FundOutlined,
  HomeOutlined,
  IdcardOutlined,
  LaptopOutlined,
  MoonOutlined,
  ProfileOutlined,
  QuestionCircleOutlined,
  ScheduleOutlined,
  SearchOutlined,
  SunOutlined,
  ThunderboltOutlined,
  UnorderedListOutlined,
} from '@ant-design/icons';
import { useQueryClient } from '@tanstack/react-query';
import { Badge, Button, ConfigProvider, Layout, Menu, Select, Spin } from 'antd';
import en_US from 'antd/locale/en_US';
import zh_CN from 'antd/locale/zh_CN';
import { lazy, Suspense, useState, type ReactNode } from 'react';
import { BrowserRouter, Link, Navigate, Route, Routes, useNavigate } from 'react-router';
import { client, Problem, token } from './api';
import { useSpeech } from './language';
import { LiveProvider, useLive } from './live';
import { SignIn } from './pages/SignIn';
import { Failure } from './parts/Failure';
import { useSection } from './parts/small';
import { DECIDERS, DEMO_ACTORS, SessionProvider, STAFF, useSession, useSessionQuery, type Role } from './session';
import { themeOf, useLook } from './theme';
import type { Word } from './words';

interface Entry {
  path: string;
  word: Word;
  icon: ReactNode;
  roles: Role[];
  page: React.LazyExoticComponent<() => ReactNode>;
  /** Below the entry, for one thing of its kind. */
  one?: React.LazyExoticComponent<() => ReactNode>;
}

const EVERYBODY: Role[] = ['viewer', 'zone_manager', 'planner', 'officer', 'approver', 'administrator', 'feeder'];
const SEES: Role[] = ['zone_manager', ...STAFF];

/** Every page, for whom it is: the same audiences as in the API, which checks them. */
const ENTRIES: Entry[] = [
  { path: 'overview', word: 'nav.overview', icon: <HomeOutlined />, roles: STAFF, page: lazy(() => import('./pages/Overview')) },
  {
    path: 'subjects',
    word: 'nav.subjects',
    icon: <SearchOutlined />,
    roles: SEES,
    page: lazy(() => import('./pages/Subjects')),
    one: lazy(() => import('./pages/Subject')),
  },
  {
    path: 'alerts',
    word: 'nav.alerts',
    icon: <AlertOutlined />,
    roles: SEES,
    page: lazy(() => import('./pages/Alerts')),
    one: lazy(() => import('./pages/AlertPage')),
  },
  {
    path: 'cases',
    word: 'nav.cases',
    icon: <FolderOpenOutlined />,
    roles: SEES,
    page: lazy(() => import('./pages/Cases')),
    one: lazy(() => import('./pages/CasePage')),
  },
  { path: 'rates', word: 'nav.rates', icon: <FundOutlined />, roles: STAFF, page: lazy(() => import('./pages/Rates')) },
  {
    path: 'plans',
    word: 'nav.plans',
    icon: <ScheduleOutlined />,
    roles: ['planner', 'administrator'],
    page: lazy(() => import('./pages/Plans')),
    one: lazy(() => import('./pages/PlanPage')),
  },
  { path: 'fast', word: 'nav.fast', icon: <ThunderboltOutlined />, roles: ['officer', 'administrator'], page: lazy(() => import('./pages/FastTest')) },
  { path: 'quality', word: 'nav.quality', icon: <BugOutlined />, roles: DECIDERS, page: lazy(() => import('./pages/Quality')) },
  { path: 'observers', word: 'nav.observers', icon: <ExperimentOutlined />, roles: STAFF, page: lazy(() => import('./pages/Observers')) },
  { path: 'burden', word: 'nav.burden', icon: <ProfileOutlined />, roles: STAFF, page: lazy(() => import('./pages/Burden')) },
  { path: 'lists', word: 'nav.lists', icon: <UnorderedListOutlined />, roles: SEES, page: lazy(() => import('./pages/Lists')) },
  { path: 'reports', word: 'nav.reports', icon: <FileTextOutlined />, roles: SEES, page: lazy(() => import('./pages/Reports')) },
  { path: 'policy', word: 'nav.policy', icon: <FileProtectOutlined />, roles: STAFF, page: lazy(() => import('./pages/Policy')) },
  { path: 'audit', word: 'nav.audit', icon: <AuditOutlined />, roles: ['approver', 'administrator'], page: lazy(() => import('./pages/Audit')) },
  { path: 'personal', word: 'nav.personal', icon: <IdcardOutlined />, roles: ['administrator'], page: lazy(() => import('./pages/Personal')) },
  { path: 'sessions', word: 'nav.sessions', icon: <LaptopOutlined />, roles: EVERYBODY, page: lazy(() => import('./pages/Sessions')) },
  { path: 'help', word: 'nav.help', icon: <QuestionCircleOutlined />, roles: EVERYBODY, page: lazy(() => import('./pages/Help')) },
];

function Shell() {
  const { t, language, setLanguage, code } = useSpeech();
  const { dark, setDark } = useLook();
  const { known, may, demo, acting, setActing } = useSession();
  const live = useLive();
  const section = useSection();
  const go = useNavigate();
  const queries = useQueryClient();
  const [narrow, setNarrow] = useState(false);
  const entries = ENTRIES.filter((entry) => may(...entry.roles));
  const first = entries[0]?.path ?? 'help';
  const leave = async () => {
    if (known.means === 'session') await client.POST('/auth/logout');
    token.drop();
    queries.clear();
    location.assign('/console/');
  };
  return (
    <Layout className="shell">
      <a className="skip" href="#main">
        {t('skip')}
      </a>
      <Layout.Header>
        <h1 className="brand">
          <Link to="/">
            Spotcheck <span className="hide-narrow">{t('brand.long')}</span>
          </Link>
        </h1>
        <span className="push live" role="status">
          <Badge status={live.state === 'open' ? 'success' : 'default'} text={t(live.state === 'open' ? 'live.open' : 'live.lost')} />
        </span>
        {demo ? (
          <Select
            aria-label={t('acting')}
            value={acting?.id}
            style={{ width: 150 }}
            onChange={(id) => {
              const actor = DEMO_ACTORS.find((one) => one.id === id);
              if (actor) setActing(actor);
            }}
            options={DEMO_ACTORS.map((one) => ({ value: one.id, label: `${t('demo')} ${code('role', one.role)}` }))}
          />
        ) : (
          <span className="hide-narrow">
            {known.actor} <span className="quiet">{known.roles.map((role) => code('role', role)).join('、')}</span>
          </span>
        )}
        <Button
          type="text"
          icon={dark ? <SunOutlined /> : <MoonOutlined />}
          aria-label={t(dark ? 'look.light' : 'look.dark')}
          onClick={() => setDark(!dark)}
        />
        <Button type="text" onClick={() => setLanguage(language === 'zh' ? 'en' : 'zh')} lang={language === 'zh' ? 'en' : 'zh-CN'}>
          {t('language.other')}
        </Button>
        {!demo && (
          <Button type="text" onClick={() => void leave()}>
            {t('sign.out')}
          </Button>
        )}
      </Layout.Header>
      <Layout>
        <Layout.Sider
          width={184}
          breakpoint="lg"
          collapsedWidth={52}
          collapsible
          collapsed={narrow}
          onCollapse={setNarrow}
          theme={dark ? 'dark' : 'light'}
          trigger={null}
        >
          <nav aria-label={t('nav')}>
            <Menu
              mode="inline"
              selectedKeys={[section]}
              onClick={({ key }) => void go(`/${key}`)}
              items={entries.map((entry) => ({
                key: entry.path,
                icon: entry.icon,
                label: <Link to={`/${entry.path}`} onClick={(event) => event.stopPropagation()}>{t(entry.word)}</Link>,
                title: t(entry.word),
              }))}
            />
          </nav>
        </Layout.Sider>
        <main id="main" tabIndex={-1} style={{ flex: 1 }}>
          <Suspense fallback={<Spin aria-label={t('loading')} />}>
            <Routes>
              <Route index element={<Navigate to={`/${first}`} replace />} />
              {entries.map((entry) => (
                <Route key={entry.path} path={entry.path} element={<entry.page />} />
              ))}
              {entries.map(
                (entry) => entry.one && <Route key={`${entry.path}/one`} path={`${entry.path}/:id`} element={<entry.one />} />,
              )}
              <Route path="*" element={<p>{t('nowhere')}</p>} />
            </Routes>
          </Suspense>
        </main>
      </Layout>
    </Layout>
  );
}

const WANTED = 'spotcheck.wanted';

function Gate() {
  const { t } = useSpeech();
  const session = useSessionQuery();
  if (session.isLoading) return <Spin fullscreen aria-label={t('loading')} />;
  if (session.data) {
    // Where somebody was going before they signed in.
    const wanted = sessionStorage.getItem(WANTED);
    if (wanted) {
      sessionStorage.removeItem(WANTED);
      if (wanted !== location.pathname + location.search) history.replaceState(null, '', wanted);
    }
    return (
      <SessionProvider known={session.data}>
        <LiveProvider>
          <BrowserRouter basename="/console">
            <Shell />
          </BrowserRouter>
        </LiveProvider>
      </SessionProvider>
    );
  }
  if (session.error instanceof Problem && session.error.status === 401) {
    sessionStorage.setItem(WANTED, location.pathname + location.search);
    return <SignIn refused={token.get() !== null} again={() => void session.refetch()} />;
  }
  return (
    <div className="sign-in">
      <Failure error={session.error} />
    </div>
  );
}

export function App() {
  const { language } = useSpeech();
  const { dark } = useLook();
  return (
    <ConfigProvider theme={themeOf(dark)} locale={language === 'zh' ? zh_CN : en_US} button={{ autoInsertSpace: false }}>
      <Gate />
    </ConfigProvider>
  );
}
