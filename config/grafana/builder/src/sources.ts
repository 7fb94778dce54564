// The data sources that config/grafana/provisioning/datasources provisions, by the same uids.
export const PROMETHEUS = { type: 'prometheus', uid: 'prometheus' };
export const SPOTCHECK = { type: 'yesoreyeram-infinity-datasource', uid: 'spotcheck' };
