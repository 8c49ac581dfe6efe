-- Amazon RDS, Google Cloud SQL and AlloyDB, Azure.
('rdsadmin', 'cloudsqladmin', 'alloydbadmin', 'azure_maintenance', 'azure_sys')
