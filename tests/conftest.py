from hypothesis import HealthCheck, settings

# No outcome depends on the speed of the machine.
settings.register_profile("gallery", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("gallery")
