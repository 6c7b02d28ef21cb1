"""The real servers of the lab: nginx, dnsmasq, mosquitto. One module each makes the configuration (pure) and says when
the server is ready; `world` starts them.
"""
