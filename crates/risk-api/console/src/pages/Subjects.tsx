import { useState } from 'react';
import { Button, Input } from 'antd';
import { Link, useNavigate } from 'react-router';
import type { Schemas } from '../api';
import { codes } from '../codes';
import { percent, range } from '../format';
import { useSpeech } from '../language';
import { List } from '../parts/List';
import { Level, SubjectLink, subjectPath, Title } from '../parts/small';
import type { Column } from '../parts/Table';
import { useNames } from '../reference';

type Row = Schemas['AssessmentDto'];

/** The columns of grades. */
export function useGradeColumns(): Column<Row>[] {
  const { t, code, of } = useSpeech();
  const { innermost, sector } = useNames();
  return [
    {
      key: 'subject',
      title: t('grade.subject'),
      show: (row) => <SubjectLink subject={row.subject} name={of(row.name, row.name_en)} />,
      text: (row) => row.subject,
    },
    { key: 'name', title: t('grade.name'), show: (row) => code('subjectKind', row.kind), text: (row) => of(row.name, row.name_en) },
    {
      key: 'level',
      title: t('grade.level'),
      show: (row) => <Level level={row.level} watch={row.watch} />,
      text: (row) => code('level', row.level),
      short: true,
    },
    {
      key: 'probability',
      title: t('grade.probability'),
      show: (row) => percent(row.probability),
      text: (row) => row.probability,
      sort: (row) => row.probability,
      number: true,
    },
    { key: 'interval', title: t('grade.interval'), show: (row) => range(row.interval), text: (row) => range(row.interval), number: true },
    {
      key: 'own',
      title: t('grade.own'),
      show: (row) => row.own_results,
      text: (row) => row.own_results,
      sort: (row) => row.own_results,
      number: true,
    },
    { key: 'zone', title: t('grade.zone'), show: (row) => innermost(row.zones), text: (row) => row.zones.join(' ') },
    {
      key: 'sector',
      title: t('grade.sector'),
      show: (row) => row.sectors.slice(0, 3).map(sector).join('、'),
      text: (row) => row.sectors.join(' '),
    },
  ];
}

/** Every grade. */
export default function Subjects() {
  const { t, code } = useSpeech();
  const go = useNavigate();
  const [typed, setTyped] = useState('');
  const columns = useGradeColumns();
  const choices = (scale: 'subjectKind' | 'level') =>
    Object.keys(codes[scale]).map((value) => ({ value, label: code(scale, value) }));
  return (
    <>
      <Title title={t('nav.subjects')} lead={t('subjects.lead')}>
        <form
          className="row middle"
          role="search"
          onSubmit={(event) => {
            event.preventDefault();
            const id = typed.trim();
            if (id) void go(subjectPath(id.includes(':') ? id : `enterprise:${id}`));
          }}
        >
          <Input
            aria-label={t('subjects.find')}
            placeholder={t('subjects.find')}
            value={typed}
            onChange={(event) => setTyped(event.target.value)}
            style={{ width: 240 }}
          />
          <Button htmlType="submit">{t('subjects.go')}</Button>
          <Link to="/subjects?kind=zone">{code('subjectKind', 'zone')}</Link>
          <Link to="/subjects?kind=sector">{code('subjectKind', 'sector')}</Link>
        </form>
      </Title>
      <List<Row>
        label={t('nav.subjects')}
        path="/v1/subjects"
        file="grades"
        rowKey={(row) => row.subject}
        columns={columns}
        filters={[
          { name: 'kind', label: t('grade.kind'), choices: choices('subjectKind'), preset: 'enterprise' },
          { name: 'level', label: t('grade.level'), choices: choices('level') },
          { name: 'zone', label: t('grade.zone'), kind: 'zone' },
          { name: 'sector', label: t('grade.sector'), kind: 'sector' },
        ]}
        sorts={[
          { value: '-probability', label: t('sort.riskiest') },
          { value: 'probability', label: t('sort.safest') },
          { value: 'name', label: t('sort.name') },
        ]}
      />
    </>
  );
}
