-- The roles through which managed services run their customers' servers; nobody else can use them. What they own and do
-- is the service's: schemas, sessions, settings. Roles that customers are members of (rds_superuser, azure_pg_admin,
-- cloudsqlsuperuser, neon_superuser) are not among them. See services.py for the sources.
('rdsadmin', 'rdsrepladmin', 'rdsproxyadmin', 'rdswriteforwarduser',
'cloudsqladmin', 'cloudsqlagent', 'cloudsqlconnpooladmin', 'cloudsqlimportexport', 'cloudsqllogical',
'cloudsqlobservability', 'cloudsqlreplica', 'alloydbadmin', 'alloydbagent', 'alloydbexport', 'alloydbimportexport',
'alloydbobservability', 'alloydbreplica', 'alloydbsqllogical',
'azuresu', 'azure_superuser',
'supabase_admin', 'supabase_auth_admin', 'supabase_etl_admin', 'supabase_functions_admin', 'supabase_read_only_user',
'supabase_realtime_admin', 'supabase_replication_admin', 'supabase_storage_admin',
'cloud_admin')
