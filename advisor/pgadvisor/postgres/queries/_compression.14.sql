-- needs: pg_attribute.attcompression
a.attcompression::pg_catalog.text
