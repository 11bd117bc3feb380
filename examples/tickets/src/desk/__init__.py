"""The support desk of Fennmark, which makes thermostats, doorbells, air sensors and smart plugs."""
